"""A graph with every operation in it."""

import pytest

EVERY_OP = """meta "recipe" = "a \\"quoted\\" name,\\nof two lines"
input %x: real[4,6,5]
%stem: real[4,6,5] = conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=2 weight=float32[4,2,3,3]{0.1}  \
// stem
%norm: real[4,6,5] = affine(%stem) scale=float64[4]{0.1,-2.0,0.0,-0.0} shift=float64[4]{0.3333333333333333}  // norm
%cut: real[4,6,5] = clamp(%norm) low=-inf high=1.5
%bent: real[4,6,5] = prelu(%cut) slope=float32[4]{0.25,-1.0,1e-45,0.1}
%s: sign[4,6,5] = sign(%bent)  // layer1.0.conv1.activation
%count: real[2,3,3] = bconv(%s) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=1 \
weight=int8[2,4,3,3]{-1}
%mixed: real[2,3,3], %bits: sign[2,3,3] = bconv(%s, %count) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) groups=2 \
pad_value=-1 zero_point=0 residual=1 activation=prelu weight=int8[2,2,3,3]{1} scale=float32[2]{0.5,-0.5} \
shift=float32[2]{1.0,inf} slope=float32[2]{0.25} before=float32[2]{0.0} after=float32[2]{1.0} \
threshold=float32[2]{0.0,-1.0} direction=int8[2]{1,-1}
%fast: sign[2,3,3] = bconv(%bits) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0 \
weight=int8[2,2,3,3]{1} direction=int8[2]{1,-1} count_threshold=int32[2]{-2147483648,3}
%most: sign[2,2,2] = max_pool(%fast) kernel=(2,2) stride=(1,1) padding=(0,0,0,0) dilation=(1,1)
%inside: real[2,2,2] = avg_pool(%mixed) kernel=(3,3) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) divisor=window
%whole: real[2,2,2] = avg_pool(%mixed) kernel=(3,3) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) divisor=9
%plain: real[2,2,2] = map(%most) activation=clamp low=0.0 high=1.0
%sum: real[2,2,2] = add(%inside, %whole)
%rest: real[2,2,2] = sub(%sum, %plain)
%big: real[1,2,2] = constant() value=float32[1,2,2]{1.0,2.0,3.0,nan}
%product: real[2,2,2] = mul(%rest, %big)
%ratio: real[2,2,2] = div(%product, %sum)
%root: real[2,2,2] = unary(%ratio) function=sqrt
%middle: real[2,1,1] = mean(%root) axes=(h,w)
%large: real[2,4,4] = resize(%root) mode=bilinear align_corners=false size=(4,4)
%framed: sign[2,3,3] = pad(%most) padding=(0,0,1,1) value=-1.0
%part: sign[1,2,3] = slice(%framed) start=(1,0,0) step=(1,2,1) size=(1,2,3)
%wide: real[3,4,4] = channels(%large) index=int32[3]{1,-1,0}
%both: real[5,4,4] = concat(%large, %wide)
%flat: real[80,1,1] = flatten(%both)
%again: real[5,2,8] = reshape(%flat) shape=(5,2,8)
return %again, %middle, %part"""


@pytest.fixture
def every_op() -> str:
    """Each operation at least once, as `to_text` prints it with its constants."""
    return EVERY_OP
