#!/bin/sh
set -eu
case $1 in
  [0-9]*.[0-9]*.[0-9]*) echo "app-one works with core-lib $1" ;;
  *) echo "not a version: $1" >&2; exit 1 ;;
esac
