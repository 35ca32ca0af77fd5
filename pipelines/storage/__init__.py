"""What the studio remembers and where it lies: workspace, records, store, intake, settings, presets. No torch."""
