# SPDX-License-Identifier: ISC
# Completion for bash: the program says what a word may become.
_orthrus_complete() {
	local word cur=${COMP_WORDS[COMP_CWORD]}

	[ "$cur" != = ] || cur=
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		if [ "$word" = :files ]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r word; do
				COMPREPLY+=("$word")
			done < <(compgen -f -- "$cur")
		elif [[ $word == "$cur"* ]]; then
			COMPREPLY+=("$word")
		fi
	done < <("${COMP_WORDS[0]}" --complete \
	    "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _orthrus_complete orthrus charon
