"""The cases, one module per family of ops; each module has ``cases()``, which yields lists of ``Case``."""
