# fish completion for bolt-oci
set -l commands create start run exec state list kill delete spec features
complete -c bolt-oci -f
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l root -r -F -d "state directory"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l log -r -F -d "log file"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l log-format -x -a "text json"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l debug
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l systemd-cgroup
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l cgroup-manager -x -a "cgroupfs disabled"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -l rootless -x -a "auto true false"
complete -c bolt-oci -n "not __fish_seen_subcommand_from $commands" -s v -l version
complete -c bolt-oci -l help
complete -c bolt-oci -n "__fish_seen_subcommand_from create run spec" -s b -l bundle -r -F
complete -c bolt-oci -n "__fish_seen_subcommand_from create run exec" -l console-socket -r -F
complete -c bolt-oci -n "__fish_seen_subcommand_from create run exec" -l pid-file -r -F
complete -c bolt-oci -n "__fish_seen_subcommand_from create run exec" -l preserve-fds -x
complete -c bolt-oci -n "__fish_seen_subcommand_from create run" -l no-pivot
complete -c bolt-oci -n "__fish_seen_subcommand_from create run" -l no-new-keyring
complete -c bolt-oci -n "__fish_seen_subcommand_from run exec" -s d -l detach
complete -c bolt-oci -n "__fish_seen_subcommand_from run" -l no-subreaper
complete -c bolt-oci -n "__fish_seen_subcommand_from run" -l keep
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s p -l process -r -F
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s t -l tty
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s e -l env -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s u -l user -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s g -l additional-gids -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -l cwd -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -s c -l cap -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -l no-new-privs
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -l apparmor -x
complete -c bolt-oci -n "__fish_seen_subcommand_from exec" -l process-label -x
complete -c bolt-oci -n "__fish_seen_subcommand_from list" -s q -l quiet
complete -c bolt-oci -n "__fish_seen_subcommand_from list" -s f -l format -x -a "table json"
complete -c bolt-oci -n "__fish_seen_subcommand_from kill" -s a -l all
complete -c bolt-oci -n "__fish_seen_subcommand_from delete" -s f -l force
complete -c bolt-oci -n "__fish_seen_subcommand_from spec" -l rootless
complete -c bolt-oci -n "__fish_seen_subcommand_from start exec state kill delete" -a "(bolt-oci list --quiet 2>/dev/null)"
