#!/bin/sh
# Installs the npm packages that tests use: the console's type checker and accessibility rules, and
# a client of server-sent events. Users never run npm.
#
# Under CI=true a missing npm is a failure; elsewhere a loud message, and those tests are skipped.
set -u
cd "$(dirname "$0")/.." || exit 1

stamp=node_modules/.package-lock.json
[ -f "$stamp" ] && [ ! package-lock.json -nt "$stamp" ] && exit 0

if ! command -v npm >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "tests: installing npm"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; } \
        >/dev/null 2>&1 </dev/null
fi
if command -v npm >/dev/null 2>&1; then
    echo "tests: installing npm packages"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null && touch "$stamp" && exit 0
fi

cat >&2 <<MESSAGE

*******************************************************************************
  Tests need npm packages that could not be installed. Install Node.js and npm
  (Debian, Ubuntu: apt-get install nodejs npm), then run: npm ci
*******************************************************************************

MESSAGE
[ "${CI:-}" = true ] && exit 1
exit 0
