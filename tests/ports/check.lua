-- A program for the ported Lua: computes, checks itself and prints TAP.
-- Each part leans on something else: tables, closures, coroutines, metatables, strings, numbers, errors.

local count = 0

local function check(good, what)
	count = count + 1
	print((good and "ok " or "not ok ") .. count .. " - lua: " .. what)
end

-- --- sorting ------------------------------------------------------------------

local seed = 12345
local function random()
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed
end

local function is_sorted(list, before)
	for i = 2, #list do
		if before(list[i], list[i - 1]) then return false end
	end
	return true
end

local function heap_sort(list, before)
	local function sift(root, last)
		while root * 2 <= last do
			local child = root * 2
			if child < last and before(list[child], list[child + 1]) then child = child + 1 end
			if not before(list[root], list[child]) then return end
			list[root], list[child] = list[child], list[root]
			root = child
		end
	end
	for root = #list // 2, 1, -1 do sift(root, #list) end
	for last = #list, 2, -1 do
		list[1], list[last] = list[last], list[1]
		sift(1, last - 1)
	end
end

local function less(a, b) return a < b end

local numbers, others = {}, {}
for i = 1, 2000 do
	numbers[i] = random()
	others[i] = numbers[i]
end
heap_sort(numbers, less)
table.sort(others)
check(is_sorted(numbers, less), "heap sort of 2000 numbers")
check(table.concat(numbers, ",") == table.concat(others, ","), "heap sort and table.sort agree")

-- --- primes, and coroutines that filter each other ------------------------------

local function sieve(limit)
	local composite, primes = {}, {}
	for n = 2, limit do
		if not composite[n] then
			primes[#primes + 1] = n
			for m = n * n, limit, n do composite[m] = true end
		end
	end
	return primes
end

local function naturals(from)
	return coroutine.wrap(function()
		while true do
			coroutine.yield(from)
			from = from + 1
		end
	end)
end

local function filtered(source, prime)
	return coroutine.wrap(function()
		while true do
			local n = source()
			if n % prime ~= 0 then coroutine.yield(n) end
		end
	end)
end

local function primes_by_coroutines(how_many)
	local source, found = naturals(2), {}
	for i = 1, how_many do
		found[i] = source()
		source = filtered(source, found[i])
	end
	return found
end

local primes = sieve(10000)
check(#primes == 1229, "1229 primes below 10000")
check(primes[1229] == 9973, "the last of them is 9973")
local few = primes_by_coroutines(50)
check(few[50] == 229 and few[25] == primes[25], "50 coroutines in a chain find the same primes")

-- --- numbers of any length, with metatables --------------------------------------

local big = {}
big.__index = big
local BASE, DIGITS = 10000000, 7

local function number(n)
	local r = setmetatable({}, big)
	repeat
		r[#r + 1] = n % BASE
		n = n // BASE
	until n == 0
	return r
end

function big.__add(a, b)
	local r, carry = setmetatable({}, big), 0
	for i = 1, math.max(#a, #b) do
		local sum = (a[i] or 0) + (b[i] or 0) + carry
		r[i], carry = sum % BASE, sum // BASE
	end
	if carry > 0 then r[#r + 1] = carry end
	return r
end

function big.__mul(a, b)
	local r = setmetatable({}, big)
	for i = 1, #a + #b do r[i] = 0 end
	for i = 1, #a do
		local carry = 0
		for j = 1, #b do
			local sum = r[i + j - 1] + a[i] * b[j] + carry
			r[i + j - 1], carry = sum % BASE, sum // BASE
		end
		r[i + #b] = carry
	end
	while #r > 1 and r[#r] == 0 do r[#r] = nil end
	return r
end

function big.__eq(a, b)
	if #a ~= #b then return false end
	for i = 1, #a do
		if a[i] ~= b[i] then return false end
	end
	return true
end

function big.__tostring(a)
	local parts = { tostring(a[#a]) }
	for i = #a - 1, 1, -1 do parts[#parts + 1] = string.format("%0" .. DIGITS .. "d", a[i]) end
	return table.concat(parts)
end

local function factorial(n)
	local r = number(1)
	for i = 2, n do r = r * number(i) end
	return r
end

local function fibonacci(n)
	local a, b = number(0), number(1)
	for _ = 1, n do a, b = b, a + b end
	return a
end

check(tostring(factorial(30)) == "265252859812191058636308480000000", "30!")
check(#tostring(factorial(200)) == 375, "200! has 375 digits")
check(tostring(fibonacci(100)) == "354224848179261915075", "the 100th Fibonacci number")
check(factorial(20) == number(math.tointeger(2432902008176640000)), "20! fits into 64 bits")

-- --- the eight queens -----------------------------------------------------------

local function queens(n)
	local column, up, down, solutions = {}, {}, {}, 0
	local function place(row)
		if row > n then
			solutions = solutions + 1
			return
		end
		for c = 1, n do
			if not (column[c] or up[row + c] or down[row - c]) then
				column[c], up[row + c], down[row - c] = true, true, true
				place(row + 1)
				column[c], up[row + c], down[row - c] = nil, nil, nil
			end
		end
	end
	place(1)
	return solutions
end

check(queens(6) == 4 and queens(8) == 92, "the queens: 4 and 92 ways")

-- --- text ---------------------------------------------------------------------------

local text = [[
The quick brown fox jumps over the lazy dog. The dog does not mind;
the fox jumps again, and again, and the dog sleeps.]]

local function words(s)
	local found, order = {}, {}
	for word in s:lower():gmatch("%a+") do
		if not found[word] then order[#order + 1] = word end
		found[word] = (found[word] or 0) + 1
	end
	table.sort(order, function(a, b)
		if found[a] ~= found[b] then return found[a] > found[b] end
		return a < b
	end)
	return order, found
end

local order, found = words(text)
check(order[1] == "the" and found.the == 5, "'the' is the most frequent word")
check(found.dog == 3 and order[2] == "dog", "'dog' comes next")
check(("%5.2f|%-6s|%06d|%x"):format(math.pi, "ab", 42, 255) == " 3.14|ab    |000042|ff", "string.format")
check(("hello world"):gsub("o", "0") == "hell0 w0rld", "gsub")
check(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key", "match with captures")
check(utf8.len("grüße") == 5 and #"grüße" == 7, "UTF-8")
check(string.pack("<I4d", 7, 1.5):len() == 12, "pack")
check(select(2, string.unpack("<I4d", string.pack("<I4d", 7, 1.5))) == 1.5, "and unpack")

-- --- Life: the state after some steps is known ----------------------------------

local function life_step(cells, size)
	local next_cells = {}
	for y = 0, size - 1 do
		for x = 0, size - 1 do
			local near = 0
			for dy = -1, 1 do
				for dx = -1, 1 do
					if (dx ~= 0 or dy ~= 0) and cells[(y + dy) % size * size + (x + dx) % size] then near = near + 1 end
				end
			end
			if near == 3 or near == 2 and cells[y * size + x] then next_cells[y * size + x] = true end
		end
	end
	return next_cells
end

local size, cells = 12, {}
for _, c in ipairs({ { 1, 0 }, { 2, 1 }, { 0, 2 }, { 1, 2 }, { 2, 2 } }) do cells[c[2] * size + c[1]] = true end
local start = cells
for _ = 1, 4 * size do cells = life_step(cells, size) end
local same = true
for at in pairs(start) do same = same and cells[at] end
for at in pairs(cells) do same = same and start[at] end
check(same, "a glider is back after 48 generations on a torus of 12")

-- --- errors, garbage, chunks ----------------------------------------------------

local good, why = pcall(function() local t = nil; return t.field end)
check(not good and why:find("attempt to index a nil value", 1, true), "an error is caught")
good, why = pcall(error, { code = 7 })
check(not good and why.code == 7, "an error that is a table")
check(select("#", pcall(string.rep)) == 2, "a wrong argument is an error")
good = pcall(function() local function deep() return 1 + deep() end return deep() end)
check(not good, "endless recursion is an error")

local closed = {}
do
	local thing <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "closed" end })
end
check(closed[1] == "closed", "a variable is closed at its end")

local before = collectgarbage("count")
do
	local heap = {}
	for i = 1, 20000 do heap[i] = { i, tostring(i) } end
	check(collectgarbage("count") > before + 1000, "20000 tables take memory")
end
collectgarbage()
collectgarbage()
check(collectgarbage("count") < before + 1000, "and the collector gives it back")

local chunk = load("local a, b = ... return a ^ b, a // b, a % b")
local power, quotient, rest = chunk(7, 3)
check(power == 343 and quotient == 2 and rest == 1, "a chunk from a string")
check(math.abs(math.sin(1) ^ 2 + math.cos(1) ^ 2 - 1) < 1e-15, "sine and cosine")
check(1 << 62 == 4611686018427387904 and math.maxinteger + 1 == math.mininteger, "64-bit integers")
check(tostring(2 ^ 53) == "9.007199254741e+15" and 10 // 0.0 == math.huge, "floating point")
check(os.time() > 0 and os.clock() >= 0, "time and clock")
check(arg[0]:match("check.lua$") ~= nil, "the name of the script")
local file = io.open(arg[0])
check(file and file:read("l"):find("A program for the ported Lua", 1, true), "the script can read itself")
file:close()
check(select(2, io.open("/boot/no-such-file")) ~= nil, "a file that is not there is an error")

local pipe = io.popen("while read -r x; do echo $((x * x)) > /tmp/check.lua.out; done", "w")
pipe:write("12\n")
check(pipe:close() and io.open("/tmp/check.lua.out"):read("n") == 144, "a command that reads from a pipe")
pipe = io.popen("echo one; echo two; exit 3")
check(pipe:read("a") == "one\ntwo\n" and select(3, pipe:close()) == 3, "a command's output and status")
check(select(3, os.execute("exit 4")) == 4, "os.execute")
local name = os.tmpname()
file = io.open(name, "w+")
file:write("line 1\n", 2.5, "\n"):seek("set", 5)
check(file:read("n") == 1 and file:read("n") == 2.5 and file:close() and os.remove(name), "a temporary file")

print("1.." .. count)
