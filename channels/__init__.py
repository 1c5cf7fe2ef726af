"""The ways to reach people: the contract, and the plugins that come with Tactful."""
