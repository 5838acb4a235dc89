#!/bin/sh
set -eu
version=$1
mkdir -p out
printf 'core-lib %s\n' "$version" >out/core-lib.txt
sha256sum out/core-lib.txt | cut -d ' ' -f 1 >out/digest
echo "built core-lib $version"
