from setuptools import find_packages, setup

setup(
    name="sluice",
    version="1.2.0.dev0",
    description="Gates for small rivers.",
    long_description=open("README.md").read(),
    long_description_content_type="text/markdown",
    package_dir={"": "src"},
    packages=find_packages("src"),
    python_requires=">=3.10",
)
