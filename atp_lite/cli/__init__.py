"""The command line: `main` is the way in, `commands` lists what there is."""
