from setuptools import find_packages, setup

import versioneer

setup(
    name="sluice",
    version=versioneer.get_version(),
    cmdclass=versioneer.get_cmdclass(),
    description="Gates for small rivers.",
    package_dir={"": "src"},
    packages=find_packages("src"),
)
