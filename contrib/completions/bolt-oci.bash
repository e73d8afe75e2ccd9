# bash completion for bolt-oci. Its commands and options are those that `bolt-oci __options` prints.
_bolt_oci() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --root | --log | --log-format | --cgroup-manager | --rootless) ((i++)) ;;
            -*) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $previous in
        --bundle | -b | --root | --log | --console-socket | --pid-file | --process | -p | --resources | -r) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --log-format) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
        --cgroup-manager) COMPREPLY=($(compgen -W "cgroupfs systemd disabled" -- "$word")); return ;;
        --format | -f) [[ $command == list || $command == ps ]] && { COMPREPLY=($(compgen -W "table json" -- "$word")); return; } ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$(bolt-oci __options 2>/dev/null | awk -F'\t' -v c="$command" '$1 == c { print $2 }')" -- "$word"))
    elif [ -z "$command" ]; then
        COMPREPLY=($(compgen -W "$(bolt-oci __options 2>/dev/null | awk -F'\t' '$1 != "" { print $1 }' | sort -u)" -- "$word"))
    elif [[ $command != create && $command != run && $command != spec && $command != features && $command != list ]]; then
        COMPREPLY=($(compgen -W "$(bolt-oci list --quiet 2>/dev/null)" -- "$word"))
    fi
}
complete -F _bolt_oci bolt-oci
