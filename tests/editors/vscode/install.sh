#!/bin/sh
# Installs VS Code as code-server has it (its newest for node 20), and builds the parts that are C++.
# The scripts of its packages are not run: one of them fetches a program from outside npm.
set -eu
cd "$(dirname "$0")"
export npm_config_nodedir="${npm_config_nodedir:-$(dirname "$(dirname "$(command -v node)")")}"
export npm_config_build_from_source=true
npm ci --ignore-scripts --no-audit --no-fund
npm rebuild argon2
cd node_modules/code-server/lib/vscode
npm install --ignore-scripts --omit=dev --no-audit --no-fund
npm rebuild @vscode/spdlog native-watchdog
ln -sfn node_modules node_modules.asar
