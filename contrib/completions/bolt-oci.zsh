#compdef bolt-oci
# zsh completion for bolt-oci. Its commands and options are those that `bolt-oci __options` prints.
_bolt_oci() {
    local command= i
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
            --root | --log | --log-format | --cgroup-manager | --rootless) ((i++)) ;;
            -*) ;;
            *) command=$words[i]; break ;;
        esac
    done
    case $words[CURRENT-1] in
        --bundle | -b | --root | --log | --console-socket | --pid-file | --process | -p | --resources | -r) _files; return ;;
        --log-format) compadd text json; return ;;
        --cgroup-manager) compadd cgroupfs systemd disabled; return ;;
    esac
    if [[ $PREFIX == -* ]]; then
        compadd -- ${(f)"$(bolt-oci __options 2>/dev/null | awk -F'\t' -v c="$command" '$1 == c { print $2 }')"}
    elif [[ -z $command ]]; then
        compadd -- ${(fu)"$(bolt-oci __options 2>/dev/null | awk -F'\t' '$1 != "" { print $1 }')"}
    elif [[ ! $command == (create|run|spec|features|list) ]]; then
        compadd -- ${(f)"$(bolt-oci list --quiet 2>/dev/null)"}
    fi
}
_bolt_oci "$@"
