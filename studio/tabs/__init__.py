"""One module a tab: `build` makes its components, `wire` its events."""
