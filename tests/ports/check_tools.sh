# For the ported tools: sh /boot/check_tools.sh. Each check is a small job as people do it; prints TAP.

count=0
check() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - tools: $1"
	else
		echo "not ok $count - tools: $1"
		echo "# expected '$3', got '$2'"
	fi
}

mkdir -p /tmp/tools/a/b && cd /tmp/tools || exit
seq 1 1000 > numbers
check "three programs in a pipeline" "$(seq 1 100 | grep 7 | wc -l)" 19
check "sums by awk" "$(awk '{ s += $1 } END { print s }' numbers)" 500500
check "sed" "$(echo 'one two' | sed 's/\(.*\) \(.*\)/\2 \1/')" "two one"
check "tr, cut" "$(echo a:b:c | tr a-z A-Z | cut -d: -f2)" B
check "uniq counts" "$(for w in x y x x y; do echo $w; done | busybox sort | uniq -c | tr -s ' ' | tr '\n' ';')" " 3 x; 2 y;"
check "sums of bytes" "$(printf abc | md5sum | cut -c1-32)" 900150983cd24fb0d6963f7d28e17f72
check "SHA-256" "$(printf abc | sha256sum | cut -c1-16)" ba7816bf8f01cfea
cp numbers a/b/copy
cmp numbers a/b/copy
check "a copy is the same" $? 0
head -n 3 numbers > few
echo 9 > digit
check "diff" "$(diff few digit | grep -c "^-[123]")" 3
ln -s a/b/copy link
ln few hard
check "links" "$(readlink link) $(head -n 1 link) $(stat -c %h few)" "a/b/copy 1 2"
mv a/b/copy a/moved
check "moved" "$(ls a) $(ls a/b)" "b
moved "
check "find and xargs" "$(find . -type f -name '[mn]*' | busybox sort | xargs wc -l | tail -n 1 | tr -d ' ')" 2000total
chmod 600 few
check "permissions" "$(stat -c %a few)" 600
tar cf all.tar a few
gzip all.tar
mkdir out && gunzip -c all.tar.gz | (cd out && tar xf -)
check "packed, compressed and back" "$(cmp out/a/moved numbers && ls out | tr '\n' ' ')" "a few "
check "dd" "$(dd if=numbers bs=100 skip=1 count=2 2> /dev/null | wc -c)" 200
check "od" "$(printf 'AB' | od -b | awk 'NR == 1 { print $2, $3 }')" "101 102"
touch -d 2020-01-02 old
check "times of files" "$(date -r old +%Y-%m-%d) $(find . -mtime +30)" "2020-01-02 ./old"
mkfifo fifo
(seq 1 5 > fifo &)
check "a named pipe" "$(cat fifo | tail -n 1)" 5
rm -r /tmp/tools
check "all removed" "$(ls /tmp | grep -c '^tools$')" 0
check "calendar" "$(cal 1 2024 | grep '^28')" "28 29 30 31"

echo "1..$count"
