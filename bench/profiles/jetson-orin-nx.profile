# An Orin-class board in its 25 W mode. Nothing here is measured: rrto bench calibrate makes a profile of a real one, whose INA3221 tells.
device Jetson Orin NX 16GB, 25 W mode
idle     5.0 assumed: a round number for board and module with nothing to do
dispatch 7.5 assumed: idle and one busy core at 2.5 W
transmit 6.5 assumed: idle and a radio that sends at 1.5 W
receive  6.0 assumed: idle and a radio that receives at 1 W
wait     5.5 assumed: idle and a radio that is awake at 0.5 W
compute  20.0 assumed: somewhat below the budget of the power mode, 25 W, which NVIDIA's developer guide names
