"""What is made of a stack of layers ``x <- x + f(x)``, which has no inverse in general.

`momentum` keeps a velocity beside the state, `coarse` lets each layer read a rounded copy of it.
"""
