"""The scenarios that come with the sandbox, one TOML file each."""
