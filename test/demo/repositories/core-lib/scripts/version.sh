#!/bin/sh
# The version is the nearest Git tag. Tako gives it to the steps, since they see no .git directory.
set -eu
test -n "$TAKO_GIT_TAG" || { echo "there is no Git tag" >&2; exit 1; }
echo "${TAKO_GIT_TAG#v}"
