"""The figures that README quotes: `python -m benchmarks [names…] [--quick]`. Each is a ratio to a floor that was
measured in the same run, in turns with it, so that a machine that drifts favours neither."""
