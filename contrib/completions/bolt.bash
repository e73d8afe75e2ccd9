# bash completion for bolt, which itself says what may come next: `bolt __complete WORD…`.
_bolt() {
    local word=${COMP_WORDS[COMP_CWORD]} line words=() offered=()
    if type -t _get_comp_words_by_ref >/dev/null; then
        # ':' and '=' part words for readline, but not for bolt.
        local cur cword
        _get_comp_words_by_ref -n ':=' -c cur -i cword -w words
        words=("${words[@]:1:cword}")
        word=$cur
    else
        words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$word")) ;;
            :nospace) compopt -o nospace 2>/dev/null ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <(bolt __complete "${words[@]}" 2>/dev/null)
    [[ $(type -t __ltrim_colon_completions) == function ]] && __ltrim_colon_completions "$word"
}
complete -F _bolt bolt
