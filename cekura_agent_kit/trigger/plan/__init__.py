"""From a suite file to the plan of its runs. No service is asked."""
