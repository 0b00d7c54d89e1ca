# SPDX-License-Identifier: ISC
# The bill of materials of static programs, of contrib/release/sources.txt.
# shellcheck shell=bash

# materials_libraries: a line of JSON for each of its libraries.  A license that
# is "-" is of what is only built with, as tests are.
materials_libraries() {
	awk -v base=http://snapshot.debian.org/archive/ '
	function own(v) {
		sub(/^[0-9]+:/, "", v); sub(/.*really/, "", v)
		sub(/-[^-]*$/, "", v); sub(/\+ds$/, "", v)
		return v
	}
	function end() {
		if (files != "" && license != "-")
			print head ",\"externalReferences\":[" files "]},"
		files = ""
	}
	$1 == "snapshot" { date = $2 }
	/^[^# ]/ && NF == 3 {
		end()
		purl = "deb/debian/" $1 "@" $2 "?arch=source"
		if ($2 !~ /-/)	# of another package
			purl = "generic/" $1 "@" $2
		gsub(/\+/, "%2B", purl)
		license = $3
		head = "{\"type\":\"library\",\"name\":\"" $1 "\",\"version\":\"" \
		    own($2) "\",\"purl\":\"pkg:" purl "\",\"licenses\":[{\"license\":{\"id\":\"" \
		    license "\"}}]"
	}
	/^ / {
		archive = path = $2
		sub(/\/.*/, "", archive)
		sub(/^[^\/]*\//, "", path)
		files = files (files == "" ? "" : ",") \
		    "{\"type\":\"distribution\",\"url\":\"" base archive "/" \
		    date "/" path "\",\"hashes\":[{\"alg\":\"SHA-256\"," \
		    "\"content\":\"" $1 "\"}]}"
	}
	END { end() }' "$SOURCES_LIST"
}

# materials_file FILE
materials_file() {
	printf '{"type":"file","name":"%s","hashes":[{"alg":"SHA-256",' \
	    "${1##*/}"
	printf '"content":"%s"}]}' "$(sha256sum <"$1" | cut -d ' ' -f 1)"
}

# materials GCC FILE FILE: in the format of CycloneDX 1.5, for these programs.
# The compiler's own library is in them, too.
materials() {
	cat <<END
{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,
"metadata":{"timestamp":"$(date -ud "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)",
"component":{"type":"application","name":"orthrus",
"version":"$RELEASE_VERSION","licenses":[{"license":{"id":"ISC"}}],
"components":[$(materials_file "$2"),
$(materials_file "$3")]}},
"components":[
$(materials_libraries)
{"type":"library","name":"libgcc","version":"$1",
"licenses":[{"expression":"GPL-3.0-or-later WITH GCC-exception-3.1"}]}
]}
END
}
