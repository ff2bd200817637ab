# Jetson Xavier NX on a robot. Published figures of the RRTO group: drawing 4.7 to 5.0 W while it offloads, 7.7 to 15 W while it computes locally. Per inference:
# VGG19 88.5 ms and 0.44 J offloaded (4.97 W), 87.0 ms and 1.22 J local (14.0 W); ConvNeXt-L 95.9 ms, 0.47 J (4.90 W) and 197.7 ms, 2.96 J (15.0 W);
# KAPAO 254.6 ms, 1.22 J (4.79 W) and 396.6 ms, 5.98 J (15.1 W). How the power while offloading divides into states is not published: only compute is.
device Jetson Xavier NX
idle     4.2 assumed: somewhat below the least published figure of offloading
dispatch 5.0 assumed: the upper end of what the RRTO group published of offloading (4.7 to 5.0 W)
transmit 5.0 assumed: the upper end of what the RRTO group published of offloading (4.7 to 5.0 W)
receive  4.9 assumed: what the RRTO group published of ConvNeXt-L offloaded as a whole (0.47 J in 95.9 ms)
wait     4.7 assumed: the lower end of what the RRTO group published of offloading (4.7 to 5.0 W)
compute  14.7 published: RRTO group, mean of three models computed locally (14.0, 15.0, 15.1 W); small ones draw less, from 7.7 W
