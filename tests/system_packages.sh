#!/bin/sh
# Sees to the programs outside Python that tests drive: Chromium for the console, PostgreSQL and
# MariaDB for the catalog, strace for disks whose fsync fails, Mosquitto for MQTT.
#
# As root on Debian or Ubuntu, what is missing is installed. Elsewhere a loud message names it, and
# the tests that need it are skipped; under CI=true a missing program is a failure, never a skip.
set -u

missing=

# need PACKAGE PROGRAM...: one of the programs must be on PATH, or be where the path says.
need() {
    package=$1
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 && return
    done
    missing="$missing $package"
}

need chromium chromium chromium-browser google-chrome
need postgresql initdb /usr/lib/postgresql/*/bin/initdb
need mariadb-server mariadbd mysqld /usr/sbin/mariadbd /usr/sbin/mysqld
need strace strace
need mosquitto mosquitto /usr/sbin/mosquitto

[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "tests: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # Tests start servers of their own: what is installed must not start one for the machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    # shellcheck disable=SC2086
    if { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null; then
        rm -f "$log"
        exit 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
fi

cat >&2 <<MESSAGE

*******************************************************************************
  Tests need what is not installed here:$missing
  Debian, Ubuntu:  apt-get install$missing
  The tests that drive it can't run without it.
*******************************************************************************

MESSAGE
[ "${CI:-}" = true ] && exit 1
exit 0
