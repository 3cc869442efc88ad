#!/bin/sh
# Starts of-watchdog, which starts the function. A step ends itself after STEP_TIMEOUT_SECONDS and reports STEP_TIMEOUT.
# The watchdog answers 504 later, so that it does not replace this report.
set -eu
limit="$((${STEP_TIMEOUT_SECONDS:-3600} + 60))s"
export exec_timeout="${exec_timeout:-$limit}"
export read_timeout="${read_timeout:-$limit}"
export write_timeout="${write_timeout:-$limit}"
# Set here, because OpenFaaS replaces fprocess by that of template.yml, which is the same for all functions. `env`
# replaces HOST and PORT, which Knative sets for the container.
export fprocess="env HOST=127.0.0.1 PORT=3000 node shared/runtime/function-process.ts $FUNCTION"
exec fwatchdog
