version = "1.2.0.dev0"
__version__ = version
