"""What the studio says to the editor: the words that ``tokenizers.qwen`` makes single tokens. Text, not read from the
presets: a tokenizer has to stay as it is for the weights that were trained with it."""

EDIT_WORDS = (
    # presets/prompts/edits.toml
    "将镜头向左旋转45度. Rotate the camera 45 degrees to the left: "
    "three-quarter view, the nose points toward the left edge",
    "将镜头向右旋转90度. of the picture, full profile, front view, "
    "the person looks straight into the camera, right edge.",
    "Keep the same person, hairstyle, clothes, expression, lighting "
    "and background. Keep the same person and background.",
    "Remove all directional light and shadows: even, neutral, "
    "soft white light. First neutralise the lighting, then light",
    "the person with one soft light from the left, right, above, then add a rim light from behind the person, the face",
    "still readable. Replace the background with a plain light grey studio backdrop, a forest, a beach, a city street.",
    "Keep the same person, pose, expression, clothes and lighting of the face. Keep head angle. Change only the facial",
    "expression: the person smiles; the face is neutral and "
    "relaxed, the mouth closed; the person is angry, with lowered",
    "eyebrows; the person is sad, the corners of the mouth turned down. Turn the picture into a realistic photograph.",
    "Give the picture the colours and grain of a film still. Turn the picture into a black and white photograph.",
    # presets/prompts/survey.toml
    "Change the background to a forest. Change the lighting to sunset light, bright daylight, even studio light, photo",
    "studio. Turn the head slightly, so that the nose points a little toward the left edge of the picture.",
    # presets/loras.toml
    "将镜头向前移动 将镜头向后移动 将镜头向左移动 将镜头向右移动 "
    "将镜头向上移动 将镜头向下移动 将镜头转为俯视 将镜头转为仰视",
    "将镜头转为广角镜头 将镜头转为特写镜头 将镜头向左旋转45度 "
    "将镜头向右旋转90度 将镜头转为正面 将镜头转为侧面 保持人物不变",
    # in these manners
    "Move the camera nearer, away: a close-up portrait, head "
    "and shoulders. Change the framing: show the person from the",
    "waist up. Show the whole body from head to feet. Turn "
    "the head by 45 degrees: the nose points further toward the edge",
    "front view half-left view half-right view profile-left view "
    "profile-right view side view, facing left, facing right",
    "turn half left turn half right turn to the left profile "
    "turn to the front three-quarter view to the left turn slightly",
    "smiling, neutral expression, angry expression, sad expression, make the person smile, make the face neutral",
    "neutral light, remove the shadows, neutralise the lighting, light from the front, soft studio lighting, rim light",
    "change the lighting to sunset light, daylight, studio background, "
    "clean background, in a forest, at the beach, on a",
    "zoom in on the face, from the waist up, show the "
    "upper body, full body picture, in full colour, a plain background",
    "Half front Turn Smiling Neutral Angry Sad Light Soft Even "
    "Remove Neutralise Sunset Bright Studio Clean In At On Plain",
    "Profile Three Side Make Add Rim Zoom Show Close Head From Full Black Film Realistic Colours Change Light Rotate",
    "grey white blue green pink beige yellow lilac dark red black brown purple orange teal blond tan pale amber violet",
    "hair eyes skin glasses beard moustache goatee freckles "
    "scar stripes mole gem headband earrings shirt jacket hoodie",
    "bald buzz short quiff spiky bob long afro curly ponytail bun pigtails mohawk round square shades clothes T-pose",
    "standing sitting on a chair walking ohwx_char person woman man "
    "portrait of the picture Picture 1: Picture 2: Picture 3:",
    "Edit Picture 1. Picture 2 shows the same person. Pictures 2 and 3 show the same person. Use them as a reference.",
    "Add a second person beside the person. a different person, blurry, low quality, deformed, watermark, text, out of",
    "0 1 2 3 4 5 6 7 8 9 15 30 45 60 90 180",
)
