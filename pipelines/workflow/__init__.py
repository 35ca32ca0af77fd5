"""What a person can do at each step of the wheel, without a screen. Functions take a ``Session``; they turn a choice
into a plan, a plan into a job, and what came back into records. No torch here: the page opens without it."""
