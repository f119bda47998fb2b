# A script for the ported shell: sh /boot/check.sh. Uses the shell's own commands and its processes, checks itself,
# prints TAP.

count=0
check() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - sh: $1"
	else
		echo "not ok $count - sh: $1"
		echo "# expected '$3', got '$2'"
	fi
}

# --- the language ---------------------------------------------------------------

gcd() {
	if [ "$2" -eq 0 ]; then echo "$1"; else gcd "$2" $(($1 % $2)); fi
}
check "a function that calls itself in a subshell" "$(gcd 1071 462)" 21

primes=
n=2
while [ $n -lt 60 ]; do
	prime=1
	for p in $primes; do
		[ $((n % p)) -eq 0 ] && prime=0 && break
	done
	[ $prime -eq 1 ] && primes="$primes $n"
	n=$((n + 1))
done
check "primes by two loops" "$primes" " 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59"

path=/usr/lib/libfoo.so.1
check "parts of a name" "${path##*/} ${path%/*} ${path%%.*} ${#path}" "libfoo.so.1 /usr/lib /usr/lib/libfoo 20"
check "defaults" "${nothing:-x} ${nothing:=y} $nothing ${nothing:+z}" "x y y z"

sort_of() {
	case $1 in
	[0-9]*) echo number ;;
	*.c | *.h) echo source ;;
	"") echo nothing ;;
	*) echo else ;;
	esac
}
check "case" "$(sort_of 42) $(sort_of a.h) $(sort_of "") $(sort_of b)" "number source nothing else"

set -- "a b" c "*"
check "arguments stay whole" "$# $1 $3" "3 a b *"
IFS=:
set -- a:b:c
set -- $1
unset IFS
check "words by another separator" "$# $2" "3 b"
check "numbers" "$((0x1f + 010)) $((1 << 40)) $((-7 / 2)) $((3 > 2 && 2 > 1))" "39 1099511627776 -3 1"

# --- processes ------------------------------------------------------------------

(exit 7)
check "the status of a subshell" $? 7
check "a pipeline of three" "$(for i in 3 1 2; do echo $i; done | while read -r x; do echo $((x * 2)); done | { read -r a; read -r b; echo "$a-$b"; })" 6-2
false | true
check "the status of a pipeline is its last one's" $? 0
x=1
(x=2)
check "a subshell's variables are its own" $x 1
exit 3 & wait $!
check "wait gives the status of what ran behind" $? 3
export COLOUR=blue
check "a child has the environment" "$(sh -c 'echo $COLOUR')" blue
check "a program of its own" "$(sh -c 'exit 5'; echo $?)" 5
no-such-program 2> /dev/null
check "a program that is not there" $? 127
trap 'caught=yes' USR1
kill -USR1 $$
check "a signal to itself is caught" "$caught" yes
(trap 'exit 9' TERM; kill -TERM $(sh -c 'echo $PPID'); exit 1)
check "a signal to the parent" $? 9

# --- files -----------------------------------------------------------------------

cd /tmp || exit
echo one > check.txt
echo two >> check.txt
{ read -r a; read -r b; } < check.txt
check "redirection, there and back" "$a $b" "one two"
check "the working directory" "$(pwd)" /tmp
cat_lines() { while read -r line; do echo "<$line>"; done; }
check "a here document" "$(cat_lines << END
$a
three
END
)" "<one>
<three>"
exec 5> check5.txt
echo five >&5
exec 5>&-
read -r a < check5.txt
check "a descriptor of one's own" "$a" five
[ -f check.txt ] && [ ! -d check.txt ] && [ -s check.txt ] && [ -d /tmp ] && [ ! -e none ]
check "test of files" $? 0
echo check*.txt > list
read -r a < list
check "names by a pattern" "$a" "check.txt check5.txt"
(echo no > /boot/x) 2> /dev/null
check "what cannot be written" $? 2

echo "1..$count"
