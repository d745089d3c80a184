"""Reports: a suite's verdict on the terminal, as JUnit, Markdown and HTML, and for GitHub."""
