"""What a GPU makes of it, in one command of at most eight minutes: `python -m benchmarks.gpu --out FOLDER`.

It needs this repository, torch, transformers, accelerate and peft, and no network: weights are random or bundled.
`gpu.json` in the folder is written anew after every measurement, `log.txt` has what was printed. The parts:

    machine      its name, and what a product of large matrices reaches
    parity       the bundled toy on the CPU and on the device: float32, and how far bfloat16 is from it
    toy, 135M, 1B    steps at these sizes, beside plain transformers: `measure.sizes`
    training     the bundled chain-of-thought toy learns to think in latents, by the real loop, and is evaluated

A part that crashes or hangs is recorded as an error, and a new process goes on with the next one.
`--device cpu --small` tries everything anywhere, in tiny sizes: those numbers mean nothing.
"""
