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

# h.txt, twenty times hello.
zipped=UEsDBBQAAAAIAAAAIQBM/FpmCwAAAHgAAAAFAAAAaC50eHTLSM3JyefKoDsJAFBLAQIUAxQAAAAIAAAAIQBM/FpmCwAAAHgAAAAFAAAAAAAAAAAAAACAAQAAAABoLnR4dFBLBQYAAAAAAQABADMAAAAuAAAAAAA=

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
check "a lone - is standard input" "$(echo 9 | diff - digit && echo 9 | cat digit - | wc -l && seq 3 | busybox sort -r - | head -n 1)" "2
3"
check "bc, dc" "$(echo '2 ^ 100' | bc) $(echo '6 7 * p' | dc)" "1267650600228229401496703205376 42"
check "base64, base32" "$(printf abc | base64) $(printf abc | base32) $(printf YWJj | base64 -d)" "YWJj MFRGG=== abc"
check "other sums" "$(printf abc | sha512sum | cut -c1-16) $(printf abc | sha3sum | cut -c1-16) $(printf abc > abc; crc32 abc | cut -c1-8)" \
	"ddaf35a193617aba e642824c3f8cf24a 352441c2"
check "rev, shuf" "$(echo abc | rev) $(shuf -i 1-9 | wc -l)" "cba 9"
check "bzip2 and back" "$(bzip2 -c numbers | bunzip2 -c | cmp - numbers && echo same)" same
check "xz" "$(echo /Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAFaGVsbG8KAAAApWCX8ZT2/eAAAR4GwS+kHR+2830BAAAAAARZWg== | base64 -d | xzcat)" hello
echo "$zipped" | base64 -d > few.zip
check "unzip" "$(unzip -p few.zip | uniq -c | tr -s ' ')" " 20 hello"
diff few digit > change
cp few patched && patch patched change > /dev/null
check "patch" "$(cat patched)" 9
check "cpio" "$(ls few digit | cpio -o -H newc 2> /dev/null | cpio -t 2> /dev/null | busybox sort | tr '\n' ' ')" "digit few "
ar r all.a few digit 2> /dev/null
check "ar" "$(ar t all.a | tr '\n' ' ')" "few digit "
check "getopt" "$(getopt ab:c -a -b one two)" " -a -b one -- two"
check "uuencode" "$(uuencode few < few | uudecode -o - | cmp - few && echo same)" same
check "dos2unix" "$(printf 'a\r\n' | dos2unix | wc -c)" 2
check "install" "$(install -m 640 few a/installed && stat -c %a a/installed)" 640
check "whoami, groups" "$(whoami) $(groups)" "root root"
timeout 1 sleep 1000
check "timeout" $? 143
check "time" "$(time -p cat few 2>&1 > /dev/null | cut -d' ' -f1 | tr '\n' ' ')" "real user sys "
rm -r /tmp/tools
check "all removed" "$(ls /tmp | grep -c '^tools$')" 0
check "calendar" "$(cal 1 2024 | grep '^28')" "28 29 30 31"

echo "1..$count"
