# SPDX-License-Identifier: ISC
# Completion for fish: the program says what a word may become.
function __orthrus_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] --complete $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c orthrus -f -a '(__orthrus_complete)'
complete -c charon -f -a '(__orthrus_complete)'
