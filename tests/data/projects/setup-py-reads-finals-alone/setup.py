import re
from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="sluice",
    version=re.search(r'__version__ = "([0-9.]+)"', Path("src/sluice/__init__.py").read_text())[1],
    description="Gates for small rivers.",
    long_description=open("README.md").read(),
    long_description_content_type="text/markdown",
    package_dir={"": "src"},
    packages=find_packages("src"),
    python_requires=">=3.10",
)
