#define Py_LIMITED_API 0x030a0000
#include <Python.h>
static struct PyModuleDef flow = {PyModuleDef_HEAD_INIT, "_flow", 0, -1, 0};
PyMODINIT_FUNC PyInit__flow(void) { return PyModule_Create(&flow); }
