from setuptools import Extension, setup

setup(ext_modules=[Extension("sluice._flow", ["src/flow.c"], py_limited_api=True)])
