# A laptop without a GPU of its own. Nothing here is measured: rrto bench calibrate makes a profile of a real one from RAPL or the battery.
device laptop, display on
idle     8.0 assumed: a round number, display at half brightness
dispatch 18.0 assumed: idle and one core at its highest clock, 10 W
transmit 9.5 assumed: idle and a radio that sends at 1.5 W
receive  9.0 assumed: idle and a radio that receives at 1 W
wait     8.5 assumed: idle and a radio that is awake at 0.5 W
compute  35.0 assumed: idle and a processor at a sustained package power of 27 W, near the 28 W class
