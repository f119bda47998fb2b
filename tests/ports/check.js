// A program for the ported Duktape: computes, checks itself and prints TAP.
// Each part leans on something else: objects, closures, prototypes, regular expressions, JSON, typed arrays, errors.

var count = 0;

function check(good, what) {
	count++;
	print((good ? 'ok ' : 'not ok ') + count + ' - javascript: ' + what);
}

// --- sorting ------------------------------------------------------------------

var seed = 12345;
function random() {
	seed = (seed * 69069 + 1) % 4294967296;
	return seed;
}

function quickSort(list, before) {
	if (list.length < 2) return list;
	var pivot = list[list.length >> 1];
	var less = [], same = [], more = [];
	list.forEach(function (x) {
		(before(x, pivot) ? less : before(pivot, x) ? more : same).push(x);
	});
	return quickSort(less, before).concat(same, quickSort(more, before));
}

var numbers = [];
for (var i = 0; i < 1000; i++) numbers.push(random());
var mine = quickSort(numbers, function (a, b) { return a < b; });
var theirs = numbers.slice().sort(function (a, b) { return a - b; });
check(mine.join() === theirs.join(), 'quick sort and Array.sort agree on 1000 numbers');
check(mine.every(function (x, at) { return !at || mine[at - 1] <= x; }), 'and the result is in order');

// --- primes in a typed array ------------------------------------------------------

function sieve(limit) {
	var composite = new Uint8Array(limit + 1), primes = [];
	for (var n = 2; n <= limit; n++) {
		if (composite[n]) continue;
		primes.push(n);
		for (var m = n * n; m <= limit; m += n) composite[m] = 1;
	}
	return primes;
}

var primes = sieve(10000);
check(primes.length === 1229 && primes[1228] === 9973, '1229 primes below 10000');

// --- SHA-256, as FIPS 180-4 has it --------------------------------------------------

function fraction(x) {
	return ((x - Math.floor(x)) * 4294967296) >>> 0;
}

var ROUND = primes.slice(0, 64).map(function (p) { return fraction(Math.pow(p, 1 / 3)); });
var START = primes.slice(0, 8).map(function (p) { return fraction(Math.sqrt(p)); });

function rotate(x, n) {
	return (x >>> n) | (x << (32 - n));
}

function padded(text) {
	var bytes = [];
	for (var i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 255);
	var bits = bytes.length * 8;
	bytes.push(0x80);
	while (bytes.length % 64 !== 56) bytes.push(0);
	for (var shift = 56; shift >= 0; shift -= 8) bytes.push(Math.floor(bits / Math.pow(2, shift)) & 255);
	return bytes;
}

function block(state, bytes, at) {
	var w = [], s = state.slice(), i;
	for (i = 0; i < 16; i++) {
		var b = at + 4 * i;
		w.push((bytes[b] << 24) | (bytes[b + 1] << 16) | (bytes[b + 2] << 8) | bytes[b + 3]);
	}
	for (i = 16; i < 64; i++) {
		var x = w[i - 15], y = w[i - 2];
		w.push((w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) + w[i - 7] +
			(rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10))) | 0);
	}
	for (i = 0; i < 64; i++) {
		var e = s[4], a = s[0];
		var one = (s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + ROUND[i] + w[i]) | 0;
		var two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]))) | 0;
		s = [(one + two) | 0, s[0], s[1], s[2], (s[3] + one) | 0, s[4], s[5], s[6]];
	}
	return state.map(function (v, k) { return (v + s[k]) | 0; });
}

function sha256(text) {
	var bytes = padded(text), state = START;
	for (var at = 0; at < bytes.length; at += 64) state = block(state, bytes, at);
	return state.map(function (v) { return ('0000000' + (v >>> 0).toString(16)).slice(-8); }).join('');
}

check(sha256('') === 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'SHA-256 of nothing');
check(sha256('abc') === 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', "SHA-256 of 'abc'");
check(sha256('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq') ===
	'248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1', 'SHA-256 of two blocks');

// --- a calculator: a lexer by a regular expression, a parser by descent --------------

function Parser(text) {
	this.tokens = text.match(/\d+(?:\.\d+)?|[-+*\/^()]/g) || [];
	this.at = 0;
}

Parser.prototype.next = function (wanted) {
	if (wanted.indexOf(this.tokens[this.at]) < 0) return null;
	return this.tokens[this.at++];
};

Parser.prototype.atom = function () {
	if (this.next(['-'])) return -this.power();
	if (this.next(['('])) {
		var inside = this.sum();
		if (!this.next([')'])) throw new SyntaxError('no )');
		return inside;
	}
	var value = parseFloat(this.tokens[this.at++]);
	if (isNaN(value)) throw new SyntaxError('no number at ' + this.at);
	return value;
};

Parser.prototype.power = function () {
	var base = this.atom();
	return this.next(['^']) ? Math.pow(base, this.power()) : base;
};

Parser.prototype.product = function () {
	var value = this.power(), sign;
	while ((sign = this.next(['*', '/']))) value = sign === '*' ? value * this.power() : value / this.power();
	return value;
};

Parser.prototype.sum = function () {
	var value = this.product(), sign;
	while ((sign = this.next(['+', '-']))) value = sign === '+' ? value + this.product() : value - this.product();
	return value;
};

function calculate(text) {
	var p = new Parser(text), value = p.sum();
	if (p.at !== p.tokens.length) throw new SyntaxError('too much');
	return value;
}

check(calculate('1 + 2 * 3') === 7, 'a product binds before a sum');
check(calculate('2 ^ 3 ^ 2') === 512, 'powers bind to the right');
check(calculate('-(4 - 1.5) * (10 / 4)') === -6.25, 'brackets and signs');
var thrown = null;
try { calculate('2 * (3 + 4'); } catch (e) { thrown = e; }
check(thrown instanceof SyntaxError && thrown.message === 'no )', 'an error is thrown and caught');

// --- the knight's tour by Warnsdorff's rule ---------------------------------------

function tour(size) {
	var steps = [[1, 2], [2, 1], [2, -1], [1, -2], [-1, -2], [-2, -1], [-2, 1], [-1, 2]];
	var seen = {}, x = 0, y = 0, visited = 1;
	function free(a, b) { return a >= 0 && b >= 0 && a < size && b < size && !seen[a + ',' + b]; }
	function ways(a, b) { return steps.filter(function (s) { return free(a + s[0], b + s[1]); }); }
	seen['0,0'] = true;
	for (;;) {
		var next = ways(x, y).map(function (s) {
			return { x: x + s[0], y: y + s[1], left: ways(x + s[0], y + s[1]).length };
		});
		if (!next.length) return visited;
		next = next.reduce(function (best, n) { return n.left < best.left ? n : best; });
		x = next.x;
		y = next.y;
		seen[x + ',' + y] = true;
		visited++;
	}
}

check(tour(8) === 64, "the knight's tour visits all 64 squares");

// --- what the language brings ------------------------------------------------------

var thing = { name: 'x', list: [1, 2.5, 'a"b', null, true], inner: { deep: [[]] } };
check(JSON.stringify(JSON.parse(JSON.stringify(thing))) === JSON.stringify(thing), 'JSON there and back');
check('2023-11-14'.replace(/(\d+)-(\d+)-(\d+)/, '$3.$2.$1') === '14.11.2023', 'a regular expression with groups');
check('gr\u00fc\u00dfe'.toUpperCase() === 'GR\u00dcSSE', 'letters that become two');
check((0.1 + 0.2).toString() === '0.30000000000000004' && (1e21).toString() === '1e+21', 'numbers print shortest');
check(parseInt('ff', 16) === 255 && (255).toString(2) === '11111111', 'number bases');
check(Math.abs(Math.sin(1) * Math.sin(1) + Math.cos(1) * Math.cos(1) - 1) < 1e-15, 'sine and cosine');
var view = new DataView(new ArrayBuffer(8));
view.setFloat64(0, Math.PI);
check(view.getUint32(0) === 0x400921fb && view.getUint32(4) === 0x54442d18, 'the bits of pi');

function Animal(name) { this.name = name; }
Animal.prototype.speak = function () { return this.name + ' speaks'; };
function Dog(name) { Animal.call(this, name); }
Dog.prototype = Object.create(Animal.prototype);
Dog.prototype.speak = function () { return Animal.prototype.speak.call(this) + ' loudly'; };
check(new Dog('Rex').speak() === 'Rex speaks loudly' && new Dog('') instanceof Animal, 'prototypes');

var log = [];
var proxy = new Proxy({}, { get: function (target, key) { log.push(key); return 42; } });
check(proxy.answer === 42 && log[0] === 'answer', 'a proxy');
check(eval('(function (n) { return n < 2 ? n : arguments.callee(n - 1) + arguments.callee(n - 2); })(15)') === 610, 'eval');
var deep = null;
try { (function down() { return 1 + down(); })(); } catch (e) { deep = e; }
check(deep instanceof RangeError, 'endless recursion is an error');
var made = 0;
for (var round = 0; round < 20000; round++) made += [round, { at: round }].length;
check(made === 40000, '20000 objects come and go');
check(new Date(0).toISOString() === '1970-01-01T00:00:00.000Z' && Date.now() > 0, 'dates');

print('1..' + count);
