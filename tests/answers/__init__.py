"""Right and wrong answers to the exercises, one module a notebook with `RIGHT` and `WRONG`: number -> answers."""
