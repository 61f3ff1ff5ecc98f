# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Packages of another Debian suite than this machine's, without installing any:
# apt in the current directory, with lists, cache and status of its own, from
# the mirror that this machine uses, checked with Debian's keys.  Sourced.

suite_options=()

# suite_mirror LABEL: the address of the Debian archive that apt uses here.
suite_mirror() {
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' "Label: $1" | head -1
}

# suite_open SUITE [source]: fetch the lists of SUITE, and of its security
# updates where this machine has those; with `source`, those of sources too.
# Status 1 with the cause on standard error when that cannot be done.
suite_open() {
	local uri security key=/usr/share/keyrings/debian-archive-keyring.gpg type
	[ -r $key ] || { echo "debian-archive-keyring is missing" >&2; return 1; }
	uri=$(suite_mirror Debian) security=$(suite_mirror Debian-Security)
	[ -n "$uri" ] || { echo "apt knows no Debian mirror" >&2; return 1; }
	mkdir -p apt/lists/partial apt/archives/partial || return
	: >apt/status
	for type in deb ${2:+deb-src}; do
		echo "$type [signed-by=$key] $uri $1 main"
		[ "$1" = sid ] || [ -z "$security" ] ||
			echo "$type [signed-by=$key] $security $1-security main"
	done >apt/sources
	suite_options=(-q -o Dir::Etc::SourceList="$PWD/apt/sources"
		-o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
		-o Dir::Etc::PreferencesParts=/dev/null
		-o Dir::State="$PWD/apt" -o Dir::State::Status="$PWD/apt/status"
		-o Dir::Cache="$PWD/apt" -o APT::Sandbox::User="$(id -un)"
		-o APT::Architecture=amd64 -o APT::Architectures=amd64
		-o APT::Default-Release= -o APT::Install-Recommends=false
		-o Acquire::Languages=none -o Acquire::Retries=3)
	suite_apt -o APT::Update::Error-Mode=any update
}

# suite_apt ARG...: apt-get in that suite; what went wrong is on standard error.
suite_apt() {
	apt-get -y "${suite_options[@]}" "$@" >apt/log 2>&1 && return
	grep -E '^(E|W|Err)' apt/log >&2
	return 1
}

# suite_depends PACKAGE: names of what it depends on, the first of alternatives.
suite_depends() {
	apt-cache "${suite_options[@]}" --no-all-versions show "$1" |
		sed -n 's/^\(Pre-\)\?Depends: //p' | tr ',' '\n' |
		sed 's/^ *\([^ :|]*\).*/\1/'
}
