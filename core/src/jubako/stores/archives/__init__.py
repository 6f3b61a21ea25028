"""Versions in archives: one writer and one validator over members, wrapped as tar, gz, xz, bz2, zip or a folder.

`exporting` writes a version, `importing` stores one. Python's own extractors are not used: they follow what an archive
says about links, names and sizes. What is read here is refused whole as soon as one member is not what it has to be.
"""
