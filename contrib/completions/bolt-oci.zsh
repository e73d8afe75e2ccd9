#compdef bolt-oci
# zsh completion for bolt-oci
_bolt_oci_ids() { compadd -- ${(f)"$(bolt-oci list --quiet 2>/dev/null)"} }
_bolt_oci() {
    local -a making
    making=('(-b --bundle)'{-b,--bundle}'[bundle]:directory:_files -/' '--console-socket[terminal goes here]:socket:_files'
        '--pid-file[file for the process id]:file:_files' '--preserve-fds[descriptors to pass]:count:' '--no-pivot[refused]' '--no-new-keyring[keep the session keyring]')
    local context state line
    _arguments -C '--root[state directory]:directory:_files -/' '--log[log file]:file:_files' '--log-format[format]:format:(text json)' '--debug' '--systemd-cgroup[refused]' \
        '--cgroup-manager[cgroups]:manager:(cgroupfs disabled)' '--rootless:value:(auto true false)' '(-v --version)'{-v,--version} '--help' \
        '1:command:(create start run exec state list kill delete spec features)' '*::argument:->arguments'
    [[ $state == arguments ]] || return
    case $words[1] in
        create) _arguments $making '1:id:' ;;
        run) _arguments $making '(-d --detach)'{-d,--detach} '--no-subreaper' '--keep[do not delete afterwards]' '1:id:' ;;
        exec) _arguments '(-p --process)'{-p,--process}':file:_files' '(-t --tty)'{-t,--tty} '(-d --detach)'{-d,--detach} '*'{-e,--env}':variable:' '(-u --user)'{-u,--user}':user:' \
            '*'{-g,--additional-gids}':gid:' '--cwd:directory:' '*'{-c,--cap}':capability:' '--no-new-privs' '--apparmor:profile:' '--process-label:label:' \
            '--console-socket:socket:_files' '--pid-file:file:_files' '--preserve-fds:count:' '1:id:_bolt_oci_ids' '*:command:' ;;
        list) _arguments '(-q --quiet)'{-q,--quiet} '(-f --format)'{-f,--format}':format:(table json)' ;;
        kill) _arguments '(-a --all)'{-a,--all} '1:id:_bolt_oci_ids' '2:signal:_signals -s' ;;
        delete) _arguments '(-f --force)'{-f,--force} '1:id:_bolt_oci_ids' ;;
        spec) _arguments '(-b --bundle)'{-b,--bundle}':directory:_files -/' '--rootless' ;;
        start|state) _arguments '1:id:_bolt_oci_ids' ;;
    esac
}
_bolt_oci "$@"
