"""The version of the distribution; read from here by the wheel, the library and the package."""

__version__ = "0.1.0"
