#compdef bolt
# zsh completion for bolt, which itself says what may come next: `bolt __complete WORD…`.
_bolt() {
    local line word description colon='\:'
    local -a offered options
    for line in ${(f)"$(bolt __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
        case $line in
            :files) _files ;;
            :nospace) options=(-S '') ;;
            *)
                word=${line%%$'\t'*} description=
                [[ $line == *$'\t'* ]] && description=":${line#*$'\t'}"
                offered+=("${word//:/$colon}$description") ;;
        esac
    done
    (( $#offered )) && _describe -t bolt bolt offered $options
}
_bolt "$@"
