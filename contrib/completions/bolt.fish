# fish completion for bolt, which itself says what may come next: `bolt __complete WORD…`.
function __bolt_offers --description 'what may come next'
    set -l words (commandline -opc)[2..-1]
    set -l word (commandline -ct)
    for line in (bolt __complete $words $word 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $word
            case :nospace
            case '*'
                echo $line
        end
    end
end
complete -c bolt -f -a '(__bolt_offers)'
