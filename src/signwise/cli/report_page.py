"""The page of the quickstart's report: one HTML file that loads nothing from elsewhere."""

from string import Template

STYLE = """
:root { color-scheme: light dark; --back: #fdfcfa; --card: #fff; --ink: #1d2129; --soft: #646b78; --rule: #e4e1db;
  --s0: #8a8f99; --s1: #2f6fde; --s2: #d9622b; --s3: #1f9d74; --s4: #9a5bd0; --s5: #b88a00; }
@media (prefers-color-scheme: dark) { :root { --back: #14161a; --card: #1c1f25; --ink: #e8e6e1; --soft: #9aa1ad;
  --rule: #31353d; --s0: #a3a9b5; --s1: #6ea3ff; --s2: #ff9563; --s3: #4fd0a4; --s4: #c393f2; --s5: #e3bd4b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 17px/1.6 ui-serif, Charter, "Bitstream Charter", Georgia, serif; }
main { max-width: 800px; margin: 0 auto; padding: 56px 20px 80px; }
h1 { font-size: 2.3rem; line-height: 1.15; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 1.3rem; margin: 52px 0 8px; }
p { margin: 0 0 14px; max-width: 66ch; } .lead { color: var(--soft); font-size: 1.1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; margin: 30px 0 8px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 16px 18px; }
.card b { display: block; font: 600 1.75rem/1.2 ui-sans-serif, system-ui, sans-serif; }
.card span { display: block; color: var(--soft); font: 0.85rem/1.35 ui-sans-serif, system-ui, sans-serif; }
figure { margin: 18px 0; background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 16px; }
figcaption, .legend, svg text, table { font-family: ui-sans-serif, system-ui, sans-serif; }
figcaption { color: var(--soft); font-size: 0.85rem; margin-top: 6px; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--rule); } .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.band { opacity: 0.16; } .legend { font-size: 0.85rem; display: flex; flex-wrap: wrap; gap: 4px 16px;
  margin-bottom: 8px; }
.legend i { display: inline-block; width: 14px; height: 4px; border-radius: 2px; margin-right: 6px; vertical-align:
  middle; }
.scroll { overflow-x: auto; margin: 18px 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); } th, td { padding: 7px 10px; border-bottom: 1px solid
  var(--rule);
  white-space: nowrap; } td.n, th.n { text-align: right; }
.pill { border-radius: 99px; padding: 1px 9px; font-size: 0.78rem; border: 1px solid var(--rule); color: var(--soft); }
.pill.one { background: var(--s1); border-color: var(--s1); color: var(--back); }
a { color: var(--s1); }
.try a { display: inline-block; margin: 10px 12px 0 0; padding: 8px 18px; border-radius: 99px; text-decoration: none;
  background: var(--s1); color: var(--back); font: 600 1rem/1.4 ui-sans-serif, system-ui, sans-serif; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 14px 18px; overflow-x: auto;
  font: 0.85rem/1.6 ui-monospace, Menlo, Consolas, monospace; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); }
.s5 { --c: var(--s5); } .line { stroke: var(--c); } .band { fill: var(--c); } .legend i { background: var(--c); }
"""

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>signwise quickstart</title>
<style>$style</style>
</head>
<body>
<main>
<h1>A network made of signs</h1>
<p class="lead">The same small network, trained three ways on $data: with ordinary numbers, with one bit, and with one
bit and a helping hand. $runs runs of $epochs epochs each; every figure here is the mean over the seeds $seeds.</p>
<div class="cards">$cards</div>
$page

<h2>What one bit means</h2>
<p>An ordinary network multiplies real numbers: each weight and each value that flows between layers takes 32 bits. A
binary network keeps only their <em>signs</em>. A weight says plus or minus, and so does what it is multiplied
with.</p>
<p>That changes the arithmetic. The product of two signs is an XOR of two bits, and a sum of 64 products is one XOR
and one count of set bits, a single machine instruction each. A layer's weights shrink to a thirty-second.</p>
<p>The price: a sign has no slope, so there is nothing to follow downhill. In training each layer keeps real weights
behind the signs and pretends, on the way back, that the sign is a smooth step; IR-Net makes that step steeper as
training goes on. The first and the last layer stay real: they are small, and they meet the image and the answer.</p>

<h2>Result</h2>
<div class="scroll">$results</div>
<p>Accuracy is that of the last epoch on $images test images, mean ± standard deviation over runs. The best epoch is
picked by looking at the test images, so it flatters; it stands here because papers report it. One test image is
$point points: smaller differences, or any below the spread, mean nothing. OPs count 64 binary multiply-adds as
one.</p>

<h2>Compiled</h2>
$deployed

<h2>Accuracy over the epochs</h2>
<figure>$curves<figcaption>Accuracy on the test images in percent. Bands: one standard deviation over the seeds. The
axis does not start at zero: what lies below it is cut off.</figcaption></figure>

<h2>What the signs still know</h2>
<p>Taking the sign throws information away. ContrastiveMI asks, for every binary layer: given the signs of one image,
could you pick out the real values of an image of its class among those of other images? The better that works, the
more the two share. The curve is a lower bound of their mutual information. It says what the two share, not what that
is worth for the accuracy.</p>
<figure>$information<figcaption>Lower bound of the mutual information between the binary and the real activations of
each binary layer, in nats, measured on training batches; at most log of the batch size,
$ceiling.</figcaption></figure>

<h2>The network, layer by layer</h2>
<p>$model, for images of $size. Bytes are those of the weights, binary ones packed eight to a byte.</p>
<div class="scroll">$layers</div>

<h2>Do it again</h2>
<p>The same command finds its runs finished and only writes this page again; in another folder it trains anew.</p>
<pre>$commands</pre>
<p class="lead">$versions</p>
</main>
</body>
</html>
""")
