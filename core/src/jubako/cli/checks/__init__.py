"""What `jubako doctor` looks at for the core: one module a subject, each a `contracts.command.Check` named `check`."""
