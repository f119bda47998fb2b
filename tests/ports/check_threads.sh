# SQLite's threadtest3: each of the tests named as arguments in a process and a folder of its own, all at the same time. TAP.
echo "1..$#"
for name; do
	mkdir "/tmp/$name"
	(cd "/tmp/$name" && threadtest3 "$name" > log 2>&1; echo $? > status) &
done
wait
count=0
for name; do
	count=$((count + 1))
	if test "$(cat "/tmp/$name/status")" = 0; then
		echo "ok $count - $name"
	else
		cat "/tmp/$name/log"
		echo "not ok $count - $name"
	fi
done
