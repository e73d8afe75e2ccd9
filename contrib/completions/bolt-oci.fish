# fish completion for bolt-oci. Its commands and options are those that `bolt-oci __options` prints.
function __bolt_oci_command --description 'the command of the line, if it is there already'
    set -l words (commandline -opc)[2..-1]
    while set -q words[1]
        switch $words[1]
            case --root --log --log-format --cgroup-manager --rootless
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return
        end
        set -e words[1]
    end
end
function __bolt_oci_words --description 'what may come next'
    set -l command (__bolt_oci_command)
    if string match -q -- '-*' (commandline -ct)
        bolt-oci __options 2>/dev/null | awk -F'\t' -v c="$command" '$1 == c { print $2 }'
    else if test -z "$command"
        bolt-oci __options 2>/dev/null | awk -F'\t' '$1 != "" { print $1 }' | sort -u
    else if not contains -- $command create run spec features list
        bolt-oci list --quiet 2>/dev/null
    end
end
complete -c bolt-oci -f -a '(__bolt_oci_words)'
complete -c bolt-oci -l log-format -x -a 'text json'
complete -c bolt-oci -l cgroup-manager -x -a 'cgroupfs systemd disabled'
for name in root log bundle console-socket pid-file process resources
    complete -c bolt-oci -l $name -r -F
end
