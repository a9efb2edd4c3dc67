#!/bin/sh
# Makes .venv-s3: a server that speaks the language of S3, which tests of backups talk to.
#
# It has an environment of its own, because its packages don't go with those of the engine. Under
# CI=true a failure; elsewhere a loud message, and those tests are skipped.
set -u
cd "$(dirname "$0")/.." || exit 1

lock=tests/requirements-s3.txt
stamp=.venv-s3/.in-line-with
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(pwd; cksum "$lock")" ] && exit 0

echo "tests: installing a server for buckets"
rm -rf .venv-s3
if .venv/bin/uv venv --quiet --python .venv/bin/python .venv-s3 &&
    .venv/bin/uv pip sync --quiet --require-hashes --only-binary :all: \
        --python .venv-s3/bin/python "$lock"; then
    (pwd; cksum "$lock") >"$stamp"
    exit 0
fi

cat >&2 <<MESSAGE

*******************************************************************************
  Tests of backups in buckets need packages that could not be installed:
  see $lock, and the message above.
*******************************************************************************

MESSAGE
[ "${CI:-}" = true ] && exit 1
exit 0
