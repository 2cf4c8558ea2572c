/* Elementary functions without a maths library, so that every machine gives the same bits. */
#ifndef SW_UNARY_H
#define SW_UNARY_H

float sw_sqrt(float x);
float sw_exp(float x);
float sw_tanh(float x);
float sw_sigmoid(float x);

#endif
