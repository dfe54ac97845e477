"""Pynector's engine under the clients of other packages; each module needs the package that it is named after."""
