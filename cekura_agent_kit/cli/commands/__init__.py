"""The subcommands of `cekura-kit`, a module each."""
